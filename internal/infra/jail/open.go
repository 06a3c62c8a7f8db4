package jail

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Config says what a jail is to be.
type Config struct {
	// Insecure builds no wall: the operator takes the risk.
	Insecure bool
	// Without leaves layers out, so that a test can see a server with one wall, or none.
	Without Layers
	Log     *slog.Logger
}

// Jail starts children into the best room that this host allows.
type Jail struct {
	log     *slog.Logger
	plan    plan
	report  Report
	grade   Grade
	users   users
	spawner *spawner
	once    sync.Once
}

// Open tries rooms with children that do nothing else, the best one first, and keeps the
// first that works. command makes a child whose main calls Enter and Shut. When a class
// of things would stand open, the error is *MissingError.
func Open(ctx context.Context, cfg Config, command func() *exec.Cmd) (*Jail, error) {
	j := newJail(cfg.Log)
	if cfg.Insecure {
		j.grade = j.report.grade()
		return j, nil
	}
	missing := &MissingError{}
	for _, l := range candidates(os.Geteuid(), cfg.Without) {
		r, err := j.try(ctx, l, command)
		if err != nil {
			missing.Tried = append(missing.Tried, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		j.keep(l, r)
		if len(missing.Tried) > 0 && j.grade.String() != twoWalls {
			j.log.WarnContext(ctx, "this host gives workers no second wall", "isolation", j.grade.Explain(), "err", missing.Tried[0])
		}
		break
	}
	if missing.Classes = j.report.grade().missing(); len(missing.Classes) > 0 {
		j.Close()
		missing.Landlock, missing.linked = landlockABI(), j.report.Layers != 0 && linkedWithC()
		return nil, missing
	}
	return j, nil
}

// Partial is a jail of these layers only, whatever they are worth. It shows what each of
// them holds by itself.
func Partial(ctx context.Context, log *slog.Logger, l Layers, command func() *exec.Cmd) (*Jail, error) {
	j := newJail(log)
	if os.Geteuid() != 0 && l&Namespaces != 0 {
		l |= User // nobody else may make them
	}
	r, err := j.try(ctx, l, command)
	if err != nil {
		j.Close()
		return nil, err
	}
	j.keep(l, r)
	return j, nil
}

func newJail(log *slog.Logger) *Jail {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	j := &Jail{log: log, spawner: newSpawner()}
	j.users.first, j.users.size = freeUsers()
	return j
}

func (j *Jail) keep(l Layers, r Report) { j.plan, j.report, j.grade = plan{layers: l}, r, r.grade() }

// Grade says which walls stand.
func (j *Jail) Grade() Grade { return j.grade }

// Close ends the children that are left.
func (j *Jail) Close() { j.once.Do(func() { close(j.spawner.done) }) }

// candidates are rooms from the best to the least, without what is left out. A user
// namespace is what lets an ordinary user make the others; where it is forbidden, root may
// make them without. Root of a container may have no other user to give to a worker.
func candidates(euid int, without Layers) []Layers {
	rest := all &^ (User | UID) &^ without
	var out []Layers
	add := func(l Layers) {
		l &^= without
		if euid != 0 {
			l &^= UID
			if !l.Has(User) {
				l &^= Namespaces
			}
		}
		for _, have := range out {
			if have == l {
				return
			}
		}
		out = append(out, l)
	}
	for _, l := range []Layers{rest | User | UID, rest | UID, rest | User, rest, rest&^Namespaces | UID, rest &^ Namespaces} {
		add(l)
		add(l &^ Landlock) // a kernel without it
	}
	return out
}

// try starts a child in the room and asks it what it found.
func (j *Jail) try(ctx context.Context, l Layers, command func() *exec.Cmd) (Report, error) {
	fail := func(err error) (Report, error) { return Report{}, fmt.Errorf("%s: %w", l, err) }
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "probe"), os.NewFile(uintptr(fds[1]), "probe-child")
	defer func() { _ = ours.Close() }()
	cmd := command()
	err = j.start(cmd, theirs, plan{layers: l, probe: true})
	_ = theirs.Close()
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	line, readErr := bufio.NewReader(ours).ReadBytes('\n')
	waitErr := cmd.Wait()
	if readErr != nil {
		return fail(errors.Join(errors.New("the child did not answer"), waitErr, ctx.Err()))
	}
	var p probed
	if err := json.Unmarshal(line, &p); err != nil {
		return fail(err)
	}
	if p.Err != "" {
		return fail(errors.New(p.Err))
	}
	return p.Report, nil
}

const (
	// Numbers that systemd and distributions hand to nobody.
	unusedFirst, unusedSize = 1_900_000_000, 100_000_000
	nobody                  = 65534
)

// freeUsers gives numbers that root may let workers be, as far as its own user namespace
// has them: unused ones, or nobody.
func freeUsers() (first, size uint32) {
	if mapped("/proc/self/uid_map", unusedFirst, unusedSize) && mapped("/proc/self/gid_map", unusedFirst, unusedSize) {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		const each = 1 << 20
		return unusedFirst + binary.LittleEndian.Uint32(b[:])%(unusedSize/each)*each, each
	}
	return nobody, 1
}

// mapped reports whether a user namespace has the numbers from first on.
func mapped(file string, first, size uint64) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to, n uint64
		if _, err := fmt.Sscan(lines.Text(), &from, &to, &n); err == nil && first >= from && first+size <= from+n {
			return true
		}
	}
	return false
}
