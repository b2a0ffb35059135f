package history

// pageSizes are how much a query asks for.
type pageSizes struct {
	deployments, pulls, commits int

	full *pageSizes
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
	s := pageSizes{deployments: pageSize, pulls: pulls, commits: commitsSize}
	full := s
	s.full = &full
	return &s
}

// halve asks for less; false if that can't be.
func (s *pageSizes) halve() bool {
	s.answered = 0
	if s.deployments == 1 && s.pulls == 1 {
		s.commits /= 2
		return s.commits > 0
	}
	s.deployments, s.pulls = max(s.deployments/2, 1), max(s.pulls/2, 1)
	return true
}

// grow notes an answer. After some of them it asks for twice as much, up to all: one query may have been too large, or GitHub slow.
func (s *pageSizes) grow() {
	if s.answered++; s.answered < growAfter {
		return
	}
	s.answered = 0
	s.deployments, s.pulls = min(2*s.deployments, s.full.deployments), min(2*s.pulls, s.full.pulls)
	s.commits = min(2*s.commits, s.full.commits)
}
