package db

import "time"

// Connections is how a pool of connections is used.
type Connections struct {
	Open, InUse int
	Waited      time.Duration // all that was ever waited for one
}

// Readers are the connections for reading.
func (d *DB) Readers() Connections { return d.read.connections() }

// Writers are the connections for writing.
func (d *DB) Writers() Connections { return d.write.connections() }

func (p *pool) connections() Connections {
	s := p.db.Stats()
	return Connections{s.OpenConnections, s.InUse, s.WaitDuration}
}
