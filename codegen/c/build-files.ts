/** The files with which other builds take in a compiled model: a Makefile and a CMake project. */

export interface BuildFiles {
  readonly name: string;
  readonly sources: readonly string[];
  readonly flags: readonly string[];
  readonly threads: boolean;
  /** A source includes the weights file by the assembler. */
  readonly includesWeights: boolean;
}

/** What all generated C is compiled with, besides the machine's flags. */
export const commonFlags: readonly string[] = ["-std=c11", "-ffp-contract=fast", "-fno-math-errno", "-Wno-psabi"];

const objects = (sources: readonly string[]): string => sources.map((s) => s.replace(/\.c$/, ".o")).join(" ");

export function makefile({ name, sources, flags, threads }: BuildFiles): string {
  return `# Builds the compiled model: a static and a shared library.
CC ?= cc
AR ?= ar
CFLAGS ?= -O3
MODEL_FLAGS = ${[...flags, "-fPIC"].join(" ")}
LIBS = -lm${threads ? " -lpthread" : ""}

all: static shared
static: lib${name}.a
shared: lib${name}.so

lib${name}.a: ${objects(sources)}
\t$(AR) rcs $@ $^

lib${name}.so: ${objects(sources)}
\t$(CC) -shared -o $@ $^ $(LDFLAGS) $(LIBS)

%.o: %.c
\t$(CC) $(CFLAGS) $(MODEL_FLAGS) -c -o $@ $<

clean:
\trm -f ${objects(sources)} lib${name}.a lib${name}.so

.PHONY: all static shared clean
`;
}

export function cmakeLists({ name, sources, flags, threads, includesWeights }: BuildFiles): string {
  return `# Takes in the compiled model: add_subdirectory(this folder), then link ${name} (static) or ${name}_shared.
cmake_minimum_required(VERSION 3.10)
project(${name} C)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
${threads ? "find_package(Threads REQUIRED)\n" : ""}
add_library(${name} STATIC ${sources.join(" ")})
add_library(${name}_shared SHARED ${sources.join(" ")})
foreach(target ${name} ${name}_shared)
  set_target_properties(\${target} PROPERTIES POSITION_INDEPENDENT_CODE ON OUTPUT_NAME ${name})
  target_include_directories(\${target} PUBLIC \${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT MSVC)
    target_compile_options(\${target} PRIVATE ${[...flags, ...(includesWeights ? ["-Wa,-I${CMAKE_CURRENT_SOURCE_DIR}"] : [])].join(" ")})
    target_link_libraries(\${target} PRIVATE m${threads ? " Threads::Threads" : ""})
  endif()
endforeach()
`;
}
