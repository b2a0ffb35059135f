package sqlstore

import (
	"encoding/json"

	"dora-exporter/dora"
)

func encodeFailingCalls(calls dora.FailingCalls) string {
	if len(calls) == 0 {
		return ""
	}
	text, _ := json.Marshal(calls) // strings, numbers and times can be encoded
	return string(text)
}

func decodeFailingCalls(text string) (calls dora.FailingCalls, err error) {
	if text == "" {
		return nil, nil
	}
	return calls, json.Unmarshal([]byte(text), &calls)
}
