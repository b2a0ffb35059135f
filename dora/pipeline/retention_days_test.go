package pipeline_test

import (
	"testing"
	"time"
)

// What a deployment counts for stays in its day when those that it followed have been removed.
func TestDaysAfterARemoval(t *testing.T) {
	for name, change := range map[string]func(*longRun){
		"another deployment": func(x *longRun) { x.deploy(4, "web", 4, true) },
		"another policy":     func(x *longRun) { x.rules.Policy.IgnoreAuthors = []string{"nobody"}; x.makeDays() },
	} {
		t.Run(name, func(t *testing.T) {
			x := newLongRun(t)
			d := x.deploy(2, "web", 2, false)
			x.end(d, "failure", time.Hour)
			x.want.Failures, x.want.FailedChanges = 1, 1
			x.later(1)
			x.deploy(3, "web", 3, true) // repairs it
			x.want.Rework = 1
			x.later(800)
			if x.known(d.Key()) || !x.known("api.github.com/3") {
				t.Fatalf("the failed change is known: %t; its repair: %t", x.known(d.Key()), x.known("api.github.com/3"))
			}
			change(x)
			x.later(1)
		})
	}
}
