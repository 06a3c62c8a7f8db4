// Command profile makes of CPU profiles the one that the compiler is given
// (cmd/annex/default.pgo): all of them together, without where they were taken.
//
//	cd tools && go run ./profile OUT IN...
package main

import (
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: profile OUT IN...")
		os.Exit(2)
	}
	if err := merge(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func merge(out string, in []string) error {
	var all []*profile.Profile
	for _, name := range in {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		p, err := profile.Parse(f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// Where the program lay on the machine, and what it was called by.
		for _, m := range p.Mapping {
			m.File, m.BuildID = "annex", ""
		}
		p.Comments = nil
		all = append(all, p)
	}
	p, err := profile.Merge(all)
	if err != nil {
		return err
	}
	p.TimeNanos = 0
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := p.Write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
