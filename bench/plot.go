package main

import (
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// panel is a part of the plot: some values over the number of deployments.
type panel struct {
	title string
	lines []line
}

type line struct {
	name  string
	value func(Result) float64
}

var panels = [2][2]panel{
	{
		{"webhooks a second", []line{{"accepted", func(r Result) float64 { return r.Accepted }}, {"counted", func(r Result) float64 { return r.Counted }}}},
		{"for a deployment", []line{{"ms of CPU", func(r Result) float64 { return 1000 * r.CPU }}, {"KiB of disk", func(r Result) float64 { return r.Disk / (1 << 10) }}}},
	},
	{
		{"reading, in seconds", []line{
			{"report, 90 days", func(r Result) float64 { return r.Report }},
			{"page", func(r Result) float64 { return r.Page }},
			{"explain deployment", func(r Result) float64 { return r.ExplainDeployment }},
			{"explain metric", func(r Result) float64 { return r.ExplainMetric }},
		}},
		{"starting and copying, in seconds", []line{
			{"start after kill -9", func(r Result) float64 { return r.StartKilled }},
			{"without checkpoint", func(r Result) float64 { return r.StartBare }},
			{"backup", func(r Result) float64 { return r.Backup }},
			{"copying the file", func(r Result) float64 { return r.Copy }},
		}},
	},
}

// colors can be told apart by people who are color-blind. https://jfly.uni-koeln.de/color/
var colors = []color.Color{
	color.RGBA{R: 0, G: 114, B: 178, A: 255},
	color.RGBA{R: 213, G: 94, B: 0, A: 255},
	color.RGBA{R: 0, G: 158, B: 115, A: 255},
	color.RGBA{R: 204, G: 121, B: 167, A: 255},
}

// drawPlot writes the cost over the history as SVG.
func drawPlot(path string, results []Result) error {
	plots := make([][]*plot.Plot, len(panels))
	for i := range panels {
		for _, p := range panels[i] {
			drawn, err := p.plot(results)
			if err != nil {
				return fmt.Errorf("draw %q: %w", p.title, err)
			}
			plots[i] = append(plots[i], drawn)
		}
	}
	image := vgsvg.New(24*vg.Centimeter, 16*vg.Centimeter)
	canvas := draw.New(image)
	canvas.SetColor(color.White) // readers may have a dark background
	canvas.Fill(canvas.Path())
	tiles := draw.Tiles{Rows: 2, Cols: 2, PadX: vg.Centimeter, PadY: vg.Centimeter, PadTop: vg.Millimeter, PadBottom: vg.Millimeter, PadLeft: 2 * vg.Millimeter, PadRight: 5 * vg.Millimeter}
	for i, canvases := range plot.Align(plots, tiles, canvas) {
		for j, c := range canvases {
			plots[i][j].Draw(c)
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := image.WriteTo(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// plot draws the lines over a logarithmic axis of deployments. The other axis begins at 0.
func (p panel) plot(results []Result) (*plot.Plot, error) {
	drawn := plot.New()
	drawn.Title.Text, drawn.X.Label.Text = p.title, "deployments"
	drawn.X.Scale, drawn.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	drawn.Legend.Top, drawn.Legend.Left, drawn.Legend.Padding = true, true, vg.Points(2)
	drawn.Add(plotter.NewGrid())
	most := 0.0
	for i, l := range p.lines {
		var points plotter.XYs
		for _, r := range results {
			points = append(points, plotter.XY{X: float64(r.Deployments), Y: l.value(r)})
			most = max(most, l.value(r))
		}
		curve, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		curve.Color, curve.Width, dots.Color, dots.Shape = colors[i], vg.Points(1.5), colors[i], draw.CircleGlyph{}
		drawn.Add(curve, dots)
		drawn.Legend.Add(l.name, curve, dots)
	}
	first, last := results[0].Deployments, results[len(results)-1].Deployments
	drawn.X.Min, drawn.X.Max = float64(first)/1.5, float64(last)*1.5 // a logarithmic axis needs a range
	drawn.Y.Min, drawn.Y.Max = 0, 1.5*most                           // with room for the legend
	return drawn, nil
}

// decades returns the ticks of a logarithmic axis: the powers of ten, and unlabelled ones between them.
func decades(from, to float64) (ticks []plot.Tick) {
	for power := 1.0; power <= to; power *= 10 {
		for n := 1.0; n < 10; n++ {
			label := ""
			if n == 1 {
				label = number(power)
			}
			if v := n * power; from <= v && v <= to {
				ticks = append(ticks, plot.Tick{Value: v, Label: label})
			}
		}
	}
	return ticks
}
