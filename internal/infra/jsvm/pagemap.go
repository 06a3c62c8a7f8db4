package jsvm

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scanner asks the kernel which pages of a private mapping were written since it was
// mapped or dropped: those are anonymous, all others still belong to the image file.
// Without it (an older kernel, no /proc) resets drop every page that they do not copy,
// which is as safe and slower.
type scanner struct {
	file    *os.File
	fd      uintptr
	regions []pageRegion
}

// pageRegion and scanArg are the kernel's struct page_region and struct pm_scan_arg.
type pageRegion struct{ start, end, categories uint64 }

type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages   uint64
	categoryInverted, categoryMask, categoryAnyOf, returnMask uint64
}

const (
	pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)
	pageIsFile  = 1 << 2
	pagePresent = 1 << 3
	pageSwapped = 1 << 4
)

func openScanner(f *os.File) *scanner {
	if f == nil {
		var err error
		if f, err = os.OpenFile("/proc/self/pagemap", os.O_RDONLY, 0); err != nil {
			return nil
		}
	}
	s := &scanner{file: f, fd: f.Fd(), regions: make([]pageRegion, 512)}
	probe, err := unix.Mmap(-1, 0, 2*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		s.close()
		return nil
	}
	defer func() { _ = unix.Munmap(probe) }()
	probe[pageSize] = 1
	written := 0
	ok := s.written(uintptr(unsafe.Pointer(&probe[0])), 2, func(from, to int) { written += from*10 + to })
	if !ok || written != 12 {
		s.close()
		return nil
	}
	return s
}

func (s *scanner) close() { _ = s.file.Close() }

// written calls fn with each run [from, to) of written pages among the n pages at addr.
// It answers false when the kernel could not say; then nothing was reported.
func (s *scanner) written(addr uintptr, n int, fn func(from, to int)) bool {
	start, end := uint64(addr), uint64(addr)+uint64(n)*pageSize
	for start < end {
		arg := scanArg{
			size:             uint64(unsafe.Sizeof(scanArg{})),
			start:            start,
			end:              end,
			vec:              uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s.regions)))),
			vecLen:           uint64(len(s.regions)),
			categoryInverted: pageIsFile,
			categoryMask:     pageIsFile,
			categoryAnyOf:    pagePresent | pageSwapped,
			returnMask:       pagePresent,
		}
		got, _, errno := unix.RawSyscall(unix.SYS_IOCTL, s.fd, pagemapScan, uintptr(unsafe.Pointer(&arg)))
		if errno != 0 || arg.walkEnd <= start {
			return false
		}
		for _, r := range s.regions[:got] {
			fn(int((r.start-uint64(addr))/pageSize), int((r.end-uint64(addr))/pageSize))
		}
		start = arg.walkEnd
	}
	return true
}

// pageFaults is how many page faults this process has had, or -1. Every first write to a
// page of a private mapping is one, whichever thread makes it.
func pageFaults() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return -1
	}
	return u.Minflt + u.Majflt
}
