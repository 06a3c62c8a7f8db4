// Package conformance runs outside suites against what apps run in: the engine with the
// base image that ships, one fresh instance for each file. The suites are read from a folder
// and are not here: ANNEX_WPT names a checkout of the web platform tests, ANNEX_TEST262
// one of test262. Without them the tests skip; scripts/conformance fetches both.
//
// What is expected stands in testdata: for each suite one file that lists every known
// failure and counts the passes, and one that gives the reason for each failure. A lost
// pass fails the test, and so does a listed failure that passes. -update writes the first
// anew, refuses a failure that has no reason, and makes the tables of docs/conformance.md.
//
// ANNEX_CONFORMANCE names the paths to run, separated by spaces: `intl402/NumberFormat`.
package conformance
