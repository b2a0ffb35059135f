package history

// sizes are how many deployments, pull requests, and commits of each pull request a query asks for.
type sizes struct{ deployments, pulls, commits int }

// pageSizes are the sizes of the next query. They adapt to what GitHub can answer, up to full.
type pageSizes struct {
	sizes
	full sizes
	// answered is how many queries in a row were answered.
	answered int
}

// growAfter is how many queries have to be answered before more is asked for again.
const growAfter = 4

func newPageSizes(labels bool) *pageSizes {
	pulls := pullsSize
	if labels {
		pulls = labelledSize
	}
	full := sizes{pageSize, pulls, commitsSize}
	return &pageSizes{sizes: full, full: full}
}

// halve makes the next query ask for half as much, and reports whether that is possible.
func (s *pageSizes) halve() bool {
	s.answered = 0
	if s.deployments == 1 && s.pulls == 1 {
		s.commits /= 2
		return s.commits > 0
	}
	s.deployments, s.pulls = max(s.deployments/2, 1), max(s.pulls/2, 1)
	return true
}

// grow counts an answer. After growAfter of them the next query asks for twice as much, up to full: one query may have been too large, or
// GitHub slow.
func (s *pageSizes) grow() {
	if s.answered++; s.answered < growAfter {
		return
	}
	s.answered = 0
	s.deployments, s.pulls = min(2*s.deployments, s.full.deployments), min(2*s.pulls, s.full.pulls)
	s.commits = min(2*s.commits, s.full.commits)
}
