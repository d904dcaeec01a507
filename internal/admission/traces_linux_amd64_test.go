package admission

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/trace"
)

// playTraces plays traces on this kernel, and tells of results that are not as recorded on a release.
func playTraces() error {
	release := os.Getenv("URINGSIM_TEST_RELEASE")
	files, err := filepath.Glob(os.Getenv("URINGSIM_TEST_TRACES"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := playTrace(file, release); err != nil {
			fmt.Printf("%s: %v\n", filepath.Base(file), err)
		} else {
			fmt.Printf("%s: ok\n", filepath.Base(file))
		}
	}
	return nil
}

func playTrace(file, release string) error {
	tr, err := trace.ReadFile(file)
	if err != nil {
		return err
	}
	k, err := live.Open(live.Options{})
	if err != nil {
		return err
	}
	defer k.Close()
	player := trace.NewPlayer(k, release)
	for i := range tr.Events {
		o, err := player.Play(&tr.Events[i])
		if err != nil {
			return err
		}
		if o.Diff != "" {
			return fmt.Errorf("event %d: %s", i+1, o.Diff)
		}
	}
	return nil
}
