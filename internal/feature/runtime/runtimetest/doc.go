// Package runtimetest is what a runtime must keep to, as tests: Run takes any runtime
// that runs artifacts and shows that calls are isolated, bounded and told the truth about
// their errors. The sandbox passes it today; native Node.js will have to.
package runtimetest
