package dora

import "testing"

func TestFilters(t *testing.T) {
	for name, test := range map[string]struct {
		patterns []string
		matches  []string
		not      []string
	}{
		"one star stays in a segment": {[]string{"hotfix/*"}, []string{"hotfix/a", "HOTFIX/A-1", "hotfix/"}, []string{"hotfix/a/b", "hotfix", "feature/hotfix/a"}},
		"two stars go over slashes":   {[]string{"hotfix/**"}, []string{"hotfix/a", "Hotfix/a/b"}, []string{"hotfix", "x/hotfix/a"}},
		"anywhere":                    {[]string{"**/hotfix/**"}, []string{"a/hotfix/b", "a/b/hotfix/c/d"}, []string{"hotfix/a"}},
		"a question mark":             {[]string{"hot-?fix"}, []string{"hotfix", "hot-fix"}, []string{"hot--fix", "hotxfix"}},
		"a plus":                      {[]string{"fix[0-9]+"}, []string{"fix1", "FIX12"}, []string{"fix", "fix1a"}},
		"a set":                       {[]string{"release-[ab]"}, []string{"release-a", "release-B"}, []string{"release-c"}},
		"an exclusion":                {[]string{"hotfix/**", "!hotfix/not-*"}, []string{"hotfix/a"}, []string{"hotfix/not-this"}},
		"included again":              {[]string{"a*", "!ab*", "abc"}, []string{"a", "abc"}, []string{"ab", "abd"}},
		"an exclusion alone":          {[]string{"!a"}, nil, []string{"a", "b"}},
		"taken as it is":              {[]string{`a\*`, "b.c", "(d)", "ä?x"}, []string{"a*", "b.c", "(D)", "Äx", "x"}, []string{"ab", "bxc", "d"}},
		"none":                        {nil, nil, []string{"", "a"}},
		"the empty name":              {[]string{"hotfix"}, nil, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			var f Filter
			for _, p := range test.patterns {
				if err := f.Add(p); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range test.matches {
				if !f.Matches(m) {
					t.Errorf("%q is not matched", m)
				}
			}
			for _, m := range test.not {
				if f.Matches(m) {
					t.Errorf("%q is matched", m)
				}
			}
		})
	}
	for _, pattern := range []string{"[hotfix", "?a", "+a", "a**?", `a\`, "[]", "a++", "[z-a]"} {
		if err := new(Filter).Add(pattern); err == nil {
			t.Errorf("%s: no error", pattern)
		}
	}
}
