package hostrule

// Error says why a pattern or URL is refused. Rule is a stable id that documentation
// and tools may rely on.
type Error struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
}

// Error gives rule, reason and fix in one line.
func (e *Error) Error() string {
	s := e.Rule + ": " + e.Reason
	if e.Fix != "" {
		s += ": " + e.Fix
	}
	return s
}

// Warning is advice about a pattern that is accepted.
type Warning Error

func refuse(rule, reason, fix string) *Error { return &Error{Rule: rule, Reason: reason, Fix: fix} }
