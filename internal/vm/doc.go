// Package vm boots a kernel under QEMU with a static Go program as its only user space, and connects the two.
//
// On the host, Start or Run boots a Config. The program is /init of the guest; its main asks InGuest, and then leaves
// the rest to GuestMain (or calls GuestInit, GuestChannel and Poweroff itself). Bytes pass through a shared-memory
// device (ivshmem), not through the console: there is no driver to load, nothing else writes to it, and it is fast.
// What the console says is kept for errors.
package vm
