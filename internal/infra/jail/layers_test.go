package jail

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGradeCountsCompleteWallsOnly(t *testing.T) {
	for _, tc := range []struct {
		layers Layers
		abi    int
		want   string
	}{
		{all, 7, "two walls"},
		{all, 3, "one wall"}, // no TCP
		{all &^ Landlock, 0, "one wall"},
		{all &^ Seccomp, 7, "one wall"},
		{all &^ Caps, 7, "two walls"},
		{all &^ (Caps | Seccomp), 7, EngineOnly}, // capabilities undo namespaces
		{all &^ Namespaces, 7, "one wall"},
		{all &^ Net, 7, "one wall"},
		{all &^ (Net | Landlock), 0, EngineOnly},
		{all &^ (Mount | Seccomp), 7, EngineOnly},
		{all &^ (IPC | Seccomp), 7, EngineOnly},
		{Seccomp, 0, EngineOnly},
		{0, 0, EngineOnly},
	} {
		r := Report{tc.layers, tc.abi}
		if got := r.grade().String(); got != tc.want {
			t.Errorf("%s, Landlock %d: %s, want %s", tc.layers, tc.abi, got, tc.want)
		}
		if none := len(r.grade().missing()) == 0; none == (tc.want == EngineOnly) {
			t.Errorf("%s: missing %v", tc.layers, r.grade().missing())
		}
	}
}

func TestReportsTravel(t *testing.T) {
	for _, r := range []Report{{all, 7}, {Mount | Seccomp, 0}, {}} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got Report
		if err := json.Unmarshal(text, &got); err != nil || got != r {
			t.Errorf("%s came back as %+v, %v", text, got, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"layers":"mount,moat"}`), &Report{}); err == nil {
		t.Error("a layer that does not exist is taken")
	}
}

// Root tries a user namespace first, then namespaces without, then none; others have
// namespaces by a user namespace only.
func TestCandidatesFallFromBestToLeast(t *testing.T) {
	const second = Caps | Landlock | Seccomp
	for _, tc := range []struct {
		euid    int
		without Layers
		want    []Layers
	}{
		{0, Landlock, []Layers{
			User | UID | Namespaces | Caps | Seccomp, UID | Namespaces | Caps | Seccomp, User | Namespaces | Caps | Seccomp,
			Namespaces | Caps | Seccomp, UID | Caps | Seccomp, Caps | Seccomp,
		}},
		{1000, 0, []Layers{User | Namespaces | second, User | Namespaces | Caps | Seccomp, second, Caps | Seccomp}},
		{1000, User, []Layers{second, Caps | Seccomp}},
	} {
		if got := candidates(tc.euid, tc.without); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("user %d without %s:\n got %v\nwant %v", tc.euid, tc.without, got, tc.want)
		}
	}
}

// An old kernel is asked for what it knows, and not for a scope that would part threads.
func TestLandlockAsksForWhatTheKernelKnows(t *testing.T) {
	for _, tc := range []struct {
		abi, errata int
		want        rulesetAttr
	}{
		{1, 0, rulesetAttr{fs: 1<<13 - 1}},
		{3, 0, rulesetAttr{fs: 1<<15 - 1}},
		{4, 0, rulesetAttr{fs: 1<<15 - 1, net: 3}},
		{6, 0, rulesetAttr{fs: 1<<16 - 1, net: 3, scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}},
		{7, sameProcess, rulesetAttr{fs: 1<<16 - 1, net: 3, scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL}},
		{12, sameProcess, rulesetAttr{fs: 1<<17 - 1, net: 15, scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL}},
	} {
		if got := everything(tc.abi, tc.errata); got != tc.want {
			t.Errorf("version %d, errata %d: %+v, want %+v", tc.abi, tc.errata, got, tc.want)
		}
	}
}

// What a worker writes to its standard error is bounded, in lines and in all.
func TestRelayIsBounded(t *testing.T) {
	var log bytes.Buffer
	r := &relay{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, part := range []string{"one", " line\n", "\n", strings.Repeat("x", 5000) + "\nlast"} {
		if n, err := r.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := strings.Count(log.String(), "a worker says"); got != 2 || !strings.Contains(log.String(), `text="one line"`) || strings.Contains(log.String(), strings.Repeat("x", relayLine+1)) {
		t.Errorf("%d lines: %s", got, log.String())
	}
	flood := []byte(strings.Repeat("flood\n", 1000))
	for range 100 {
		if n, err := r.Write(flood); n != len(flood) || err != nil {
			t.Fatal(n, err)
		}
	}
	if log.Len() > 4*relayAll*10 || !strings.Contains(log.String(), "left out") {
		t.Errorf("the log has %d bytes", log.Len())
	}
}
