// Package prepared keeps, between starts of the same program on the same machine, what each
// of its workers would otherwise make again before its first call: machine code and the base
// image. It is made once, by a child of the program in a process of its own that no app has
// ever been in, and lies in the server's user's own cache folder, outside of the data
// directory: a copy, a backup or a restored folder of data brings no code to run.
//
// Workers are given the folder as a descriptor that they lose when they enter their room.
// What somebody else may write to, or what is not byte for byte what was made, is not given
// to them; they can do without, and start a little later.
package prepared
