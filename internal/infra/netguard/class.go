package netguard

// Class says under which rule a connection leaves. The zero value dials nothing.
type Class uint8

const (
	// None is the zero value; it is refused.
	None Class = iota
	// App is everything that an app or a manifest names.
	App
	// Operator is what the operator's configuration names, by exact host:port.
	Operator
	// Database is the configured database, by exact host:port or socket.
	Database
)

// String names the class for logs.
func (c Class) String() string {
	switch c {
	case App:
		return "app"
	case Operator:
		return "operator"
	case Database:
		return "database"
	default:
		return "none"
	}
}
