package vm

import (
	"regexp"
	"strings"
	"sync"
)

// console keeps the last of what the guest and QEMU print.
type console struct {
	mu   sync.Mutex
	text []byte
}

const consoleKeep = 1 << 16

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b...)
	if over := len(c.text) - consoleKeep; over > 0 {
		c.text = append(c.text[:0], c.text[over:]...)
	}
	return len(b), nil
}

// escapes are terminal control sequences, of which firmware prints many.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?=]*[a-zA-Z]|c)`)

// panicText starts a kernel's last message.
const panicText = "Kernel panic - not syncing: "

// panicked gives the message of a kernel panic, or "".
func (c *console) panicked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, msg, found := strings.Cut(string(c.text), panicText)
	if !found {
		return ""
	}
	msg, _, _ = strings.Cut(msg, "\n")
	return strings.TrimSpace(msg)
}

// tail is the last lines, for an error message. What a kernel prints after a panic is left out: of interest is what
// the program said before it died.
func (c *console) tail() string {
	const lines = 20
	c.mu.Lock()
	defer c.mu.Unlock()
	text := escapes.ReplaceAllString(string(c.text), "")
	if before, after, found := strings.Cut(text, panicText); found {
		msg, _, _ := strings.Cut(after, "\n")
		text = before + panicText + msg
	}
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n \x00"); line != "" {
			kept = append(kept, "  | "+line)
		}
	}
	if len(kept) == 0 {
		return "the console is empty"
	}
	return "the console ends with:\n" + strings.Join(kept[max(0, len(kept)-lines):], "\n")
}
