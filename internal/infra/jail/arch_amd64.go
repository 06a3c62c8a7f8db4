package jail

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// alwaysHere are older forms of calls, which only this architecture has.
var alwaysHere = []uintptr{unix.SYS_POLL, unix.SYS_EPOLL_WAIT}
