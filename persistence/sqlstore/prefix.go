package sqlstore

// prefixRange returns bounds for the texts that begin with a prefix: from <= text < to, compared byte by byte as SQLite does. So
// an index answers the search, and nothing that only looks alike is found. The prefix must not be empty.
func prefixRange(prefix string) (from, to string) {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return prefix, prefix + "\xff\xff\xff\xff" // nothing valid begins so
	}
	end[len(end)-1]++
	return prefix, string(end)
}
