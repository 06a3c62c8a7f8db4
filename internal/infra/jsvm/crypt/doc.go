// Package crypt computes what crypto.subtle and node:crypto ask for: signatures, ciphers,
// key agreement, derived keys, and keys in their forms. It has no state, reaches nothing
// outside of its arguments but randomness, and never works longer than a few milliseconds
// without calling the pause it was given: a native runs where no interrupt of the engine
// reaches. What cannot be cut into pieces is bounded by the size of keys and data.
package crypt
