package receivers

import (
	"bytes"
	"errors"
	"net/url"
)

// formPayload returns the field payload of a form. Other fields are skipped, so that many of them cost nothing.
func formPayload(body []byte) ([]byte, error) {
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if len(name) > len("%70%61%79%6c%6f%61%64") {
			continue
		}
		if plain, err := url.QueryUnescape(string(name)); err != nil || plain != "payload" {
			continue
		}
		text, err := url.QueryUnescape(string(value))
		if err != nil {
			return nil, errors.New("the form's field payload is not URL-encoded")
		}
		return []byte(text), nil
	}
	return nil, errors.New("the form has no field payload")
}
