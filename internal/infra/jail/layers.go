package jail

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Layers are what a jail is made of.
type Layers uint32

const (
	// User is a user namespace: whatever the worker may become inside, outside it is nobody.
	User Layers = 1 << iota
	// UID is a user of the host that nothing else runs as.
	UID
	// Mount is a file system with nothing in it.
	Mount
	// PID is a process table with nobody else in it.
	PID
	// Net is a network without an interface, and with abstract sockets of its own.
	Net
	// IPC is System V and POSIX queues of its own.
	IPC
	// UTS hides the host's name.
	UTS
	// Cgroup hides the host's control groups.
	Cgroup
	// Caps takes all capabilities from all threads.
	Caps
	// Landlock refuses files, TCP, and, as far as the kernel knows how, abstract sockets and
	// signals.
	Landlock
	// Seccomp is the list of system calls that a worker needs.
	Seccomp

	// Namespaces are the layers that the first wall is made of.
	Namespaces = Mount | PID | Net | IPC | UTS | Cgroup
	all        = User | UID | Namespaces | Caps | Landlock | Seccomp
)

var layerNames = []string{"user", "uid", "mount", "pid", "net", "ipc", "uts", "cgroup", "caps", "landlock", "seccomp"}

// Has reports whether all layers of want are there.
func (l Layers) Has(want Layers) bool { return l&want == want }

func (l Layers) names() []string {
	out := []string{}
	for i, name := range layerNames {
		if l&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

func (l Layers) String() string { return strings.Join(l.names(), ",") }

// ParseLayers reads what String wrote.
func ParseLayers(text string) (Layers, error) {
	var l Layers
	if text == "" {
		return 0, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(layerNames, name)
		if i < 0 {
			return 0, fmt.Errorf("jail: there is no layer %q", name)
		}
		l |= 1 << i
	}
	return l, nil
}

// Report is what a child says of the room it is in.
type Report struct {
	Layers Layers
	// Landlock is the kernel's version of it, 0 without the layer.
	Landlock int
}

type wireReport struct {
	Layers   string `json:"layers"`
	Landlock int    `json:"landlock,omitempty"`
}

// MarshalJSON writes the layers by name.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireReport{r.Layers.String(), r.Landlock})
}

// UnmarshalJSON refuses layers that this version does not know.
func (r *Report) UnmarshalJSON(text []byte) error {
	var w wireReport
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	l, err := ParseLayers(w.Layers)
	*r = Report{l, w.Landlock}
	return err
}

// Names of the two walls, as health and documents say them.
const (
	WallNamespaces = "namespaces"
	WallLandlock   = "landlock+seccomp"
)

// wallABI is the first Landlock that knows TCP, and so the first that is a wall.
const wallABI = 4

// Grade says which walls stand between app code and each class of what a machine has.
type Grade struct {
	Network   []string `json:"network"`
	Files     []string `json:"files"`
	Processes []string `json:"processes"`
	// Layers and Landlock are what the walls are made of.
	Layers   []string `json:"layers"`
	Landlock int      `json:"landlock"`
}

// grade counts a wall only when it is complete: namespaces hold who cannot change them,
// because it has no capability or no system call to do so.
func (r Report) grade() Grade {
	g := Grade{Network: []string{}, Files: []string{}, Processes: []string{}, Layers: r.Layers.names(), Landlock: r.Landlock}
	closed := r.Layers.Has(Caps) || r.Layers.Has(Seccomp)
	second := r.Layers.Has(Landlock|Seccomp) && r.Landlock >= wallABI
	for _, class := range []struct {
		walls *[]string
		needs Layers
	}{{&g.Network, Net}, {&g.Files, Mount}, {&g.Processes, PID | IPC}} {
		if r.Layers.Has(class.needs) && closed {
			*class.walls = append(*class.walls, WallNamespaces)
		}
		if second {
			*class.walls = append(*class.walls, WallLandlock)
		}
	}
	return g
}

// EngineOnly is the grade's word when some class has no wall of the operating system.
const EngineOnly = "engine only"

const twoWalls = "two walls"

// String is the grade in words: that of the class with the fewest walls.
func (g Grade) String() string {
	switch min(len(g.Network), len(g.Files), len(g.Processes)) {
	case 0:
		return EngineOnly
	case 1:
		return "one wall"
	default:
		return twoWalls
	}
}

// Explain says it in one line, with the walls of each class.
func (g Grade) Explain() string {
	if g.String() == EngineOnly {
		return EngineOnly
	}
	return fmt.Sprintf("%s (network: %s; files: %s; processes: %s)", g,
		strings.Join(g.Network, ", "), strings.Join(g.Files, ", "), strings.Join(g.Processes, ", "))
}

// missing names the classes that no wall stands before.
func (g Grade) missing() []string {
	var out []string
	for _, class := range []struct {
		name  string
		walls []string
	}{{"network", g.Network}, {"files", g.Files}, {"processes", g.Processes}} {
		if len(class.walls) == 0 {
			out = append(out, class.name)
		}
	}
	return out
}
