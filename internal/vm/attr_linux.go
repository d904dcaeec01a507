package vm

import "syscall"

// dieWithParent has the kernel kill the process when the thread that starts it ends, which run keeps for that reason.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
