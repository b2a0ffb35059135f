package dora

// Sums has the sums of the facts up to a position. A store keeps them, so that a start reads only the facts after that position.
type Sums struct {
	Position int64
	// State has the series of all these facts, without baselines.
	State State
	// Bounds are the bounds of the histograms, in the unit of their families.
	Bounds map[string][]int64
}

// BoundsOf returns the bounds of the histograms among families.
func BoundsOf(families []Family) map[string][]int64 {
	all := map[string][]int64{}
	for _, f := range families {
		if f.Kind == Histogram {
			all[f.Name] = f.Bounds
		}
	}
	return all
}
