// Package uitree takes in what an app's user interface looks like, from the sandbox, where it
// is hostile input. Its promise: what it gives on is a tree of known shape and bounded size,
// whose props hold plain JSON, handles of the tree's own functions and nested nodes; a prop
// that holds an address names one that is relative, a resource of the app's own, or admitted
// by the grant; styles come from a list. Everything else is left out, or refused where the
// size is the matter.
//
// It also says what changed from one tree to the next, so that a browser is sent that alone.
package uitree
