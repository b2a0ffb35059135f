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
	// isSpinner is true while bar is a spinner.
	isSpinner bool
	next      time.Time
}

// New returns a Progress that has shown nothing yet.
func New(out io.Writer, units string, isBar bool) *Progress {
	return &Progress{out: out, units: units, isBar: isBar}
}

// Show shows how many units of all are done, and details: on the bar at once, in lines from time to time. While all is 0, it shows the details
// alone, with a spinner instead of the bar.
func (p *Progress) Show(done, all int, details string) {
	switch {
	case p.isBar:
		p.useBar(all)
		p.bar.Describe(details)
		if all > 0 {
			_ = p.bar.Set(done)
		}
	case time.Now().Before(p.next):
	default:
		p.next = time.Now().Add(lineInterval)
		if all > 0 {
			details = fmt.Sprintf("%d of %d %s, %s", done, all, p.units, details)
		}
		_, _ = fmt.Fprintln(p.out, details)
	}
}

// useBar has bar be one of so many units, or a spinner for 0.
func (p *Progress) useBar(all int) {
	if isSpinner := all == 0; p.bar == nil || p.isSpinner != isSpinner {
		p.End()
		p.isSpinner = isSpinner
		p.bar = p.newBar(all)
	}
}

func (p *Progress) newBar(all int) *progressbar.ProgressBar {
	if all == 0 { // nothing turns it between two calls of Show
		return progressbar.NewOptions(-1, progressbar.OptionSetWriter(p.out), progressbar.OptionSetSpinnerChangeInterval(0),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionUseANSICodes(true))
	}
	return progressbar.NewOptions(all, progressbar.OptionSetWriter(p.out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(p.units), progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionUseANSICodes(true))
}

// End ends the line of the bar.
func (p *Progress) End() {
	if p.bar != nil {
		_, _ = fmt.Fprintln(p.out)
	}
}
