"""A stand-in for the tensor DSL of Ascend: enough of it to run what codegen/tbe prints, on plain Python lists."""
