// Package progress shows how far a long command is: as a bar on a terminal, else in lines.
package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// lineInterval is the time between two lines.
const lineInterval = 10 * time.Second

// Progress shows how many units of a kind are done.
type Progress struct {
	out io.Writer
	// units names them, in the plural.
	units string
	isBar bool
	bar   *progressbar.ProgressBar
	next  time.Time
}

// New returns a Progress that has shown nothing yet.
func New(out io.Writer, units string, isBar bool) *Progress {
	return &Progress{out: out, units: units, isBar: isBar}
}

// Show shows how many units of all are done, and details: on the bar at once, in lines from time to time. It shows nothing while all is 0.
func (p *Progress) Show(done, all int, details string) {
	switch {
	case all == 0:
	case p.isBar:
		if p.bar == nil {
			p.bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(p.out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionSetItsString(p.units), progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionUseANSICodes(true))
		}
		p.bar.Describe(details)
		_ = p.bar.Set(done)
	case !time.Now().Before(p.next):
		p.next = time.Now().Add(lineInterval)
		_, _ = fmt.Fprintf(p.out, "%d of %d %s, %s\n", done, all, p.units, details)
	}
}

// End ends the line of the bar.
func (p *Progress) End() {
	if p.bar != nil {
		_, _ = fmt.Fprintln(p.out)
	}
}
