// Package server wires the platform: it opens the database, makes every feature,
// passes to each what it needs of the others, puts the origins' handlers onto one
// listener and takes it all down again in order. System names every part; nothing
// else in the house knows more than its own neighbours.
package server
