package main

import (
	"io/fs"
	"path"
	"strings"
)

// timeLimited says whether a control group of this process, or one around it, limits the
// time that it may have of the processors. GOMAXPROCS tells less: it is rounded up. See
// cgroups(7): cpu.max of version 2, cpu.cfs_quota_us of version 1.
func timeLimited(root fs.FS) bool {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(groups)) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, at, _ := strings.Cut(line, ":")
		switch {
		case controllers == "":
			if limitIn(root, "sys/fs/cgroup", at, "cpu.max", "max") {
				return true
			}
		case strings.Contains(","+controllers+",", ",cpu,"):
			if limitIn(root, path.Join("sys/fs/cgroup", controllers), at, "cpu.cfs_quota_us", "-1") {
				return true
			}
		}
	}
	return false
}

// limitIn looks at the group and at each one around it, up to where the groups are mounted:
// in a container that is its own group, whatever its path is outside.
func limitIn(root fs.FS, mount, at, file, none string) bool {
	for {
		text, err := fs.ReadFile(root, path.Join(mount, at, file))
		if words := strings.Fields(string(text)); err == nil && len(words) > 0 && words[0] != none {
			return true
		}
		if at == "" || at == "/" || at == "." {
			return false
		}
		at = path.Dir(at)
	}
}
