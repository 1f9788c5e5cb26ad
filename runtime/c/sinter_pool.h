/*
 * A pool of threads for one model. Work is split into equal consecutive shares, one per thread, whatever the threads'
 * speed: which thread computes what never depends on time. Without POSIX threads, everything runs on the caller.
 */
#ifndef SINTER_POOL_H
#define SINTER_POOL_H

#include <stdint.h>
#include <stdlib.h>

#if !defined(_WIN32)
#include <pthread.h>

typedef struct sinter_pool sinter_pool;

typedef struct sinter_worker {
  sinter_pool *pool;
  pthread_t thread;
  int number;
} sinter_worker;

struct sinter_pool {
  pthread_mutex_t lock;
  pthread_cond_t start, done;
  int threads;
  int busy;
  int stopping;
  uint64_t round;
  int64_t count;
  void (*body)(void *data, int64_t begin, int64_t end, int worker);
  void *data;
  sinter_worker workers[];
};

static void sinter_pool_share(const sinter_pool *p, int number) {
  const int64_t whole = p->count / p->threads, rest = p->count % p->threads;
  const int64_t begin = whole * number + (number < rest ? number : rest);
  const int64_t end = begin + whole + (number < rest);
  if (begin < end) p->body(p->data, begin, end, number);
}

static void *sinter_pool_work(void *argument) {
  sinter_worker *w = (sinter_worker *)argument;
  sinter_pool *p = w->pool;
  uint64_t seen = 0;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (p->round == seen && !p->stopping) pthread_cond_wait(&p->start, &p->lock);
    if (p->stopping) break;
    seen = p->round;
    pthread_mutex_unlock(&p->lock);
    sinter_pool_share(p, w->number);
    pthread_mutex_lock(&p->lock);
    if (--p->busy == 0) pthread_cond_signal(&p->done);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

static void sinter_pool_destroy(sinter_pool *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->stopping = 1;
  pthread_cond_broadcast(&p->start);
  pthread_mutex_unlock(&p->lock);
  for (int i = 1; i < p->threads; i++) pthread_join(p->workers[i].thread, NULL);
  pthread_cond_destroy(&p->start);
  pthread_cond_destroy(&p->done);
  pthread_mutex_destroy(&p->lock);
  free(p);
}

/* A pool of `threads` threads, the caller's among them; null when there is only that. */
static sinter_pool *sinter_pool_create(int threads) {
  sinter_pool *p;
  if (threads < 2) return NULL;
  p = (sinter_pool *)calloc(1, sizeof *p + (size_t)threads * sizeof p->workers[0]);
  if (!p) return NULL;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->start, NULL);
  pthread_cond_init(&p->done, NULL);
  for (p->threads = 1; p->threads < threads; p->threads++) {
    sinter_worker *w = &p->workers[p->threads];
    w->pool = p;
    w->number = p->threads;
    if (pthread_create(&w->thread, NULL, sinter_pool_work, w) != 0) break;
  }
  return p;
}

static void sinter_pool_for(void *pool, int64_t count, void (*body)(void *, int64_t, int64_t, int), void *data) {
  sinter_pool *p = (sinter_pool *)pool;
  pthread_mutex_lock(&p->lock);
  p->count = count;
  p->body = body;
  p->data = data;
  p->busy = p->threads - 1;
  p->round++;
  pthread_cond_broadcast(&p->start);
  pthread_mutex_unlock(&p->lock);
  sinter_pool_share(p, 0);
  pthread_mutex_lock(&p->lock);
  while (p->busy > 0) pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}

static int sinter_pool_threads(const sinter_pool *p) { return p ? p->threads : 1; }

#else

typedef struct sinter_pool sinter_pool;
static sinter_pool *sinter_pool_create(int threads) { (void)threads; return NULL; }
static void sinter_pool_destroy(sinter_pool *p) { (void)p; }
static int sinter_pool_threads(const sinter_pool *p) { (void)p; return 1; }
static void sinter_pool_for(void *pool, int64_t count, void (*body)(void *, int64_t, int64_t, int), void *data) {
  (void)pool;
  body(data, 0, count, 0);
}

#endif
#endif
