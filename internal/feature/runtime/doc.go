// Package runtime holds the runtimes that run app code for the door into it
// (feature/invoke): qjs, the sandbox, in which each call gets a fresh instance; and
// runtimetest, what any of them must keep to.
package runtime
