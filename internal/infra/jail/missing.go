package jail

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// MissingError says that the host gives app code no complete wall before some classes.
type MissingError struct {
	Classes  []string // "network", "files", "processes"
	Landlock int      // the kernel's version, 0 for none
	Tried    []error  // why each room could not be had
	linked   bool
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("no wall stands between app code and this machine's %s: %s", list(e.Classes), e.walls())
}

// Unwrap gives why.
func (e *MissingError) Unwrap() []error { return e.Tried }

func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// walls says which walls are missing and why.
func (e *MissingError) walls() string {
	first := "namespaces: refused"
	if len(e.Tried) > 0 {
		first = "namespaces: " + e.Tried[0].Error()
	}
	second := fmt.Sprintf("%s: this kernel has version %d of Landlock, %d is needed", WallLandlock, e.Landlock, wallABI)
	switch {
	case e.Landlock == 0:
		second = WallLandlock + ": this kernel has no Landlock, or it is switched off"
	case e.Landlock >= wallABI && e.linked:
		second = WallLandlock + ": this program is linked with C, whose threads Landlock does not reach"
	case e.Landlock >= wallABI && len(e.Tried) > 0:
		second = WallLandlock + ": " + e.Tried[len(e.Tried)-1].Error()
	}
	return first + "; " + second
}

// Remedy says what its operator can do, as far as the host shows what stands in the way.
func (e *MissingError) Remedy() string {
	var out []string
	var files errNotForAll
	switch {
	case errors.As(e, &files):
		out = append(out, "chmod a+rx "+string(files))
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		out = append(out, "install the AppArmor profile of docs/sandbox.md, which lets annex make user namespaces")
	case sysctl("user/max_user_namespaces") == "0":
		out = append(out, "sysctl -w user.max_user_namespaces=10000")
	case sysctl("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		out = append(out, "sysctl -w kernel.unprivileged_userns_clone=1")
	case inContainer():
		out = append(out, "give the container the seccomp profile of docs/sandbox.md, which allows user namespaces")
	default:
		out = append(out, "allow user namespaces for this user")
	}
	switch {
	case e.Landlock >= wallABI && e.linked:
		out = append(out, "build the program with CGO_ENABLED=0")
	case e.Landlock < wallABI:
		out = append(out, "run a kernel of at least 6.7 with landlock in its lsm= list")
	}
	return strings.Join(out, "; or ") + ". docs/sandbox.md has the steps for each platform; --insecure-no-sandbox starts without"
}

func sysctl(name string) string {
	text, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func inContainer() bool {
	for _, file := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST") != "" || os.Getenv("container") != ""
}
