// Package netguard is the only way out: nothing else in the server opens an outgoing
// connection. It resolves a name, classifies every answer, pins one checked address,
// and dials that address and no other.
//
// There are three classes of destination, and which one a connection belongs to is
// fixed where the server is wired, never by data:
//
//   - App: whatever an app or a manifest names. Only public addresses; one private
//     answer refuses the whole name.
//   - Operator: exactly the host:port pairs of the operator's configuration, for
//     instance a product's API. They may be private.
//   - Database: exactly the database of the configuration.
//
// The address is checked twice: after resolution, for a clear answer, and again by
// the kernel hook that sees the address of the very connect(2) that is about to
// happen. A mistake in the first check is caught by the second.
package netguard
