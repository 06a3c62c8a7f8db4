package main

import (
	"testing"
	"testing/fstest"
)

// A limit counts wherever it stands around the process, in both versions of control groups;
// where nothing can be read there is none.
func TestTimeLimited(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing to read":     {nil, false},
		"no limit":            {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, false},
		"its own":             {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, true},
		"one around it":       {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, true},
		"a container's":       {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, true},
		"of a path elsewhere": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, true},
		"version 1":           {map[string]string{"proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/a\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "50000\n"}, true},
		"version 1, none":     {map[string]string{"proc/self/cgroup": "4:cpu,cpuacct:/a\n0::/\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n"}, false},
		"odd lines":           {map[string]string{"proc/self/cgroup": "\n:\n::\n4:cpu\n", "sys/fs/cgroup/cpu.max": "\n"}, false},
	} {
		root := fstest.MapFS{}
		for file, text := range tc.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := timeLimited(root); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
