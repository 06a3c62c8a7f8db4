// Package inside holds the benchmarks of parts that a request through the shipped binary hides:
// the broker, the queue, events, schedules and storage, each beside the same done by others or by
// hand, in interleaved rounds of one run. `make bench` runs them and tells their medians; sizes
// are those of ANNEX_BENCH_SCALE percent.
package inside
