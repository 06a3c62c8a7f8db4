// Package jobs keeps work in the database until it is done.
//
// Promises, on SQLite and on any number of processes on one Postgres:
//
//   - Enqueue joins the transaction that the context carries: a job is there exactly when
//     what caused it is.
//   - A job runs at least once, not before it is due, and at each run under the same id. Who
//     runs it holds a lease; of a process that ended, another one takes its jobs over when
//     the leases have run out.
//   - Owners (installations) take turns: the next one to be served is the one that has
//     waited longest since it was served, found by an index on owners. What one has queued
//     delays nobody else's, and costs nobody else anything.
//   - Jobs of one owner with one concurrency key run at most as many at once as they say.
//   - A job that is given up stays, dead, until it is run again, dropped, or too old.
package jobs
