package perm

import (
	"maps"
	"slices"
)

// SignalValue says in a word whether data can leave a site by an app.
type SignalValue string

// The signals, from the best.
const (
	StaysInside      SignalValue = "stays-inside"
	StaysInsideToday SignalValue = "stays-inside-today" // it may ask an admin for a way out
	SendsDataOut     SignalValue = "sends-data-out"
)

// SignalReason is one reason for a signal. Where is what of the set it speaks of.
type SignalReason struct {
	Code  string   `json:"code"`
	Text  string   `json:"text"`
	Where []string `json:"where,omitempty"`
}

// Signal is computed from an effective set, so it never says other than what decides.
type Signal struct {
	Value   SignalValue    `json:"value"`
	Reasons []SignalReason `json:"reasons"` // none for StaysInside
}

// Circumstances are what counts for the signal and is no permission.
type Circumstances struct {
	// LogsRead says that the app's developer reads its logs.
	LogsRead bool
	// Outward are the product's operations, of those that the set opens, by which the product
	// itself sends elsewhere and names no host.
	Outward []string
}

// The codes of reasons.
const (
	SignalEgress       = "egress"
	SignalRemote       = "remote"
	SignalProvider     = "provider"
	SignalWebTrigger   = "web-trigger"
	SignalOutward      = "outward-operation"
	SignalAction       = "action"
	SignalRoute        = "api-route"
	SignalAppEvent     = "app-event"
	SignalLogs         = "logs"
	SignalNative       = "native-code"
	SignalConfigurable = "configurable"
	SignalRemoteUnset  = "remote-unset"
)

// SignalOf tells whether data can leave by what the set permits.
func SignalOf(s Set, c Circumstances) Signal {
	s = Normal(s)
	out := Signal{Value: StaysInside, Reasons: []SignalReason{}}
	add := func(value SignalValue, code, text string, where []string) {
		if len(where) == 0 {
			return
		}
		slices.Sort(where)
		out.Reasons = append(out.Reasons, SignalReason{code, text, slices.Compact(where)})
		if value == SendsDataOut || out.Value == StaysInside {
			out.Value = value
		}
	}
	var remotes, unset []string
	for _, r := range s.Remotes {
		if len(r.Endpoints) == 0 {
			unset = append(unset, r.Key)
		}
		for url := range maps.Values(r.Endpoints) {
			remotes = append(remotes, r.Key+": "+url)
		}
	}
	add(SendsDataOut, SignalEgress, "It reaches addresses outside.", each(s.Egress, func(e Egress) string { return string(e.Type) + " " + e.Pattern.String() }))
	add(SendsDataOut, SignalRemote, "It has a back end of its developer's or the site's own.", remotes)
	add(SendsDataOut, SignalProvider, "It uses other services, with accounts of users or a key of the site.", each(s.Providers, func(p Provider) string { return p.Key }))
	add(SendsDataOut, SignalWebTrigger, "Whoever has the address of its web trigger can be handed data.", each(s.WebTriggers, func(w WebTrigger) string { return w.Key }))
	add(SendsDataOut, SignalOutward, "It can make the product itself send.", slices.Clone(c.Outward))
	add(SendsDataOut, SignalAction, "Others call its actions and are handed their answers.", slices.Clone(s.Actions))
	add(SendsDataOut, SignalRoute, "Others call its routes and are handed their answers.", each(s.APIRoutes, func(r APIRoute) string { return r.Key }))
	add(SendsDataOut, SignalAppEvent, "It sends events to other apps.", each(s.AppEvents, func(e AppEvent) string { return e.Name }))
	if c.LogsRead {
		add(SendsDataOut, SignalLogs, "Its developer reads what it writes into its logs.", []string{"logs"})
	}
	if s.Isolation != "" {
		add(SendsDataOut, SignalNative, "It runs outside the sandbox.", []string{s.Isolation})
	}
	if s.Configurable != nil {
		add(StaysInsideToday, SignalConfigurable, "It may ask an admin to let it reach addresses.", []string{"configurable"})
	}
	add(StaysInsideToday, SignalRemoteUnset, "An admin may give it a back end.", unset)
	return out
}

func each[T any](in []T, name func(T) string) []string {
	var out []string
	for _, v := range in {
		out = append(out, name(v))
	}
	return out
}

// Outgoing is what of a set lets data out, or in: what people agree to beside scopes.
func Outgoing(s Set) Set {
	return Set{Egress: s.Egress, Remotes: s.Remotes, Endpoints: s.Endpoints, Providers: s.Providers, WebTriggers: s.WebTriggers, APIRoutes: s.APIRoutes}
}
