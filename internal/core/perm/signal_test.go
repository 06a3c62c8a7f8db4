package perm

import (
	"reflect"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// One set per reason, and a set with each field of its own: a way out that somebody adds to
// Set and forgets here makes the test fail.
func TestSignalHasAReasonForEachWayOut(t *testing.T) {
	host := hostrule.Pattern{Scheme: "https", Host: "api.example.com", Port: 443}
	for code, x := range map[string]struct {
		set   Set
		about Circumstances
		value SignalValue
	}{
		SignalEgress:       {set: Set{Egress: []Egress{{Type: Images, Pattern: host}}}, value: SendsDataOut},
		SignalRemote:       {set: Set{Remotes: []Remote{{Key: "r", Endpoints: map[string]string{"default": "https://api.example.com"}}}}, value: SendsDataOut},
		SignalProvider:     {set: Set{Providers: []Provider{{Key: "p", Name: "p"}}}, value: SendsDataOut},
		SignalWebTrigger:   {set: Set{WebTriggers: []WebTrigger{{Key: "w"}}}, value: SendsDataOut},
		SignalOutward:      {about: Circumstances{Outward: []string{"sendMail"}}, value: SendsDataOut},
		SignalAction:       {set: Set{Actions: []string{"a"}}, value: SendsDataOut},
		SignalRoute:        {set: Set{APIRoutes: []APIRoute{{Key: "r"}}}, value: SendsDataOut},
		SignalAppEvent:     {set: Set{AppEvents: []AppEvent{{Name: "e", Recipients: []string{"*"}}}}, value: SendsDataOut},
		SignalLogs:         {about: Circumstances{LogsRead: true}, value: SendsDataOut},
		SignalNative:       {set: Set{Isolation: "process"}, value: SendsDataOut},
		SignalConfigurable: {set: Set{Configurable: &Configurable{}}, value: StaysInsideToday},
		SignalRemoteUnset:  {set: Set{Remotes: []Remote{{Key: "r", Configurable: true}}}, value: StaysInsideToday},
	} {
		got := SignalOf(x.set, x.about)
		if got.Value != x.value || len(got.Reasons) != 1 || got.Reasons[0].Code != code || len(got.Reasons[0].Where) == 0 {
			t.Errorf("%s: %+v", code, got)
		}
	}
	if got := SignalOf(Set{}, Circumstances{}); got.Value != StaysInside || len(got.Reasons) > 0 {
		t.Errorf("nothing: %+v", got)
	}
	// These say what is read, told or drawn, or are the sandbox's own relaxations; endpoints
	// are routes of a remote, which is a reason by itself.
	inside := map[string]bool{"Scopes": true, "Endpoints": true, "Content": true, "Sandbox": true, "Events": true, "MemoryMB": true}
	reasons := map[string]bool{"Egress": true, "Remotes": true, "Providers": true, "WebTriggers": true, "AppEvents": true, "Actions": true,
		"APIRoutes": true, "Isolation": true, "Configurable": true}
	for n := range reflect.TypeFor[Set]().NumField() {
		if name := reflect.TypeFor[Set]().Field(n).Name; !inside[name] && !reasons[name] {
			t.Errorf("Set.%s is a way out or none: SignalOf has to know", name)
		}
	}
}
