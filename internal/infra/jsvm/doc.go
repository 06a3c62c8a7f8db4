// Package jsvm runs JavaScript so that each call gets an instance that no other call
// has touched. It is QuickJS compiled to WebAssembly and run by wazero's compiler.
//
// The promise stands on three facts. The whole state of the engine is its linear memory
// and one global, the stack pointer. A memory that is mapped privately over an image file
// reads as the image wherever it was not written. And the kernel says which pages were
// written, so a reset misses none: pages that calls usually write are copied back, all
// others are dropped.
//
// An Image is such a file: the base image (engine and SDK), or an app's snapshot, which
// is stored as the pages that differ from the base. An Instance is one private mapping.
// One Machine, a single WebAssembly instance, runs them all: it is pointed at an
// instance's memory for the length of one step, so an instance that waits for a host
// call is nothing but its written pages: it holds no thread, no goroutine and no engine.
//
// An Engine belongs to one goroutine at a time. It reads no clock, randomness or file but
// those it is given, so that a call is a function of its inputs.
package jsvm
