package checkpoint

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// foreign adds up the series of another program. The newer mprokopov/dora-exporter has the label redeployment on its github_* families
// and no project on its jira_* families.
type foreign struct {
	// optional is true if series keep the optional labels of their families.
	optional bool
	// seen has the series as the file has them.
	seen map[string]bool
	// newest has the origins of the values of Last families, by series.
	newest map[string]origin
	// labels has the labels of the series by Labels.Key: families share them.
	labels map[string]dora.Labels
}

// origin says from which series in the file a value was taken.
type origin struct {
	rank   int
	series string
}

// readForeignBaseline reads the values of another program's file, which may have any size. Series that differ only in labels that
// this program doesn't have are added up, and labels that they lack are dora.Unknown. With optional, the optional labels of the families
// are kept.
func readForeignBaseline(r io.Reader, families map[string]dora.Family, optional bool) (dora.State, findings, error) {
	return readForeign(r, families, optional, maxForeignSeries, maxForeignBytes)
}

func readForeign(r io.Reader, families map[string]dora.Family, optional bool, maxSeries, maxBytes int) (dora.State, findings, error) {
	f := &foreign{optional: optional, seen: map[string]bool{}, newest: map[string]origin{}, labels: map[string]dora.Labels{}}
	reading := &reading{families: families, foreign: f, maxSeries: maxSeries, maxBytes: maxBytes}
	state, n, err := readBaseline(r, reading)
	if err != nil {
		return state, n, err
	}
	for _, family := range slices.Sorted(maps.Keys(reading.rejectedFamilies)) {
		if f := families[family]; len(state[family]) == 0 && (f.Kind == dora.Counter || f.Kind == dora.Sum) {
			return nil, n, fmt.Errorf("%s would start at 0, since none of its values can be used: %s", family, strings.Join(firstNames(n.rejected), ", "))
		}
	}
	return state, n, nil
}

// addForeign adds a series, whose labels are those in the file.
func (n *reading) addForeign(family dora.Family, series dora.Series) error {
	f, state := n.foreign, n.state
	written := family.Name + "{" + series.Labels.Key() + "}"
	if f.seen[written] {
		return errTwice(family, series.Labels)
	}
	f.seen[written] = true
	redeployment := series.Labels[dora.Redeployment]
	series.Labels = n.foreignLabels(family, series.Labels)
	key := series.Labels.Key()
	if shared, ok := f.labels[key]; ok {
		series.Labels = shared
	}
	f.labels[key] = series.Labels
	known, ok := state[family.Name][key]
	if family.Kind == dora.Last {
		from := origin{slices.Index(redeploymentRanks, redeployment), written}
		if before := f.newest[family.Name+key]; ok && cmp.Or(cmp.Compare(before.rank, from.rank), strings.Compare(before.series, from.series)) > 0 {
			return nil
		}
		f.newest[family.Name+key] = from
		setSeries(state, family.Name, key, series)
		return nil
	}
	series.Baseline += known.Baseline
	for i, n := range known.BaselineBuckets {
		series.BaselineBuckets[i] += n
	}
	setSeries(state, family.Name, key, series)
	return nil
}

// redeploymentRanks are the values of the label redeployment, whose last one comes first: only deployments that are no redeployments have
// a duration that the published dashboard shows.
var redeploymentRanks = []string{"true", "", "false"}

// foreignLabels returns the labels under which a series with other labels is imported.
func (n *reading) foreignLabels(family dora.Family, written dora.Labels) dora.Labels {
	names := family.Labels
	if n.foreign.optional {
		names = slices.Concat(names, family.Optional)
	}
	labels := dora.Labels{}
	for _, name := range names {
		value, ok := written[name]
		switch {
		case !ok:
			addLabel(&n.missing, family, name)
			value = dora.Unknown
		case value == "" && name != dora.Redeployment: // as good as missing, for Prometheus
			value = dora.Unknown
		case name == dora.Redeployment && value != "true":
			value = "false" // the existing exporter writes what the payload has, or nothing
		}
		labels[name] = value
	}
	for name := range written {
		if !slices.Contains(names, name) {
			addLabel(&n.dropped, family, name)
		}
	}
	return labels
}

// addLabel adds a label of a family to a list.
func addLabel(list *[]string, family dora.Family, label string) {
	if text := family.Name + ": " + label; !slices.Contains(*list, text) {
		addFinding(list, "%s", text)
	}
}
