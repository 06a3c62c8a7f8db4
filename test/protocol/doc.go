// Package protocol holds the second verifier of Annex's tokens: verify.js, in another
// language and on another library than the server and productkit. What one makes the other
// takes, and every token of docs/protocol/bad-tokens.json is refused by both.
package protocol
