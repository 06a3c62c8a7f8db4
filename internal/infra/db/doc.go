// Package db is the one way to the platform's database, SQLite or Postgres, with one
// meaning: the same statement, the same transaction rules and the same errors on both.
//
// Statements are written once: `?` placeholders, the types TEXT, BIGINT (also for
// times, in Unix milliseconds, and for truth values, 0 or 1) and BLOB; JSON is TEXT.
// Text is compared byte by byte on both. What is left of the difference between the
// two databases lives in dialect.go.
//
// Rules of use:
//
//   - Tx is the only way to write more than one statement. Nested calls join the
//     transaction that the context carries. fn may run again, so inside it there is
//     SQL only. An error of fn, of a statement or of a nested call rolls all of it back;
//     write ON CONFLICT where a conflict is expected.
//   - Outside Tx, Query and QueryRow read committed data and cannot write; Exec writes
//     one statement, which is durable when it returns.
//   - Close rows before the next statement of the same transaction.
//
// A commit that was acknowledged survives the end of the process and of the machine.
package db
