package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// round asks one question again and again for some time.
type round struct {
	request
	Milliseconds int64 `json:"milliseconds"`
}

// took is what came of a round.
type took struct {
	ID any `json:"id"`
	// "Lua" or "native".
	By          string  `json:"by"`
	Nanoseconds float64 `json:"nanoseconds"`
	Calls       int64   `json:"calls"`
	Error       string  `json:"error,omitempty"`
}

// row is an operation of a kind. Each has interpreters of its own, so that no script trips over what another left
// behind in its Lua machine; they are kept for all rounds, as Karmada keeps them.
type row struct {
	apiVersion, kind string
	operation        string
}

const (
	warmUp = 100 * time.Millisecond
	// Reading the clock costs as much as a twentieth of the cheapest call.
	callsBetweenClocks = 8
)

// benchLines plays rounds as they come, and says how long a call took.
func benchLines(scripts scripts, rounds io.Reader, results io.Writer) error {
	input := bufio.NewReaderSize(rounds, 1<<20)
	output := json.NewEncoder(results)
	warm := map[row]*interpreters{}
	for {
		line, err := input.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var next round
		if err := utiljson.Unmarshal(line, &next); err != nil {
			return fmt.Errorf("not a round: %w", err)
		}
		if err := output.Encode(next.play(scripts, warm)); err != nil {
			return err
		}
	}
}

func (r *round) play(scripts scripts, warm map[row]*interpreters) took {
	question := r.question()
	kind := question.object.GroupVersionKind()
	of := row{question.object.GetAPIVersion(), kind.Kind, string(r.Op)}
	asked, known := warm[of]
	if !known {
		asked = scripts.interpreters()
		warm[of] = asked
	}
	by := "native"
	if asked.thirdparty.HookEnabled(kind, r.Op) {
		by = "Lua"
	}
	if !known {
		if _, _, err := asked.repeatedly(question, warmUp); err != nil {
			return took{ID: r.ID, By: by, Error: err.Error()}
		}
	}
	calls, spent, err := asked.repeatedly(question, time.Duration(r.Milliseconds)*time.Millisecond)
	if err != nil {
		return took{ID: r.ID, By: by, Error: err.Error()}
	}
	return took{ID: r.ID, By: by, Nanoseconds: float64(spent.Nanoseconds()) / float64(calls), Calls: calls}
}

func (i *interpreters) repeatedly(q question, atLeast time.Duration) (calls int64, spent time.Duration, err error) {
	begun := time.Now()
	for spent <= atLeast {
		for range callsBetweenClocks {
			if _, err := i.ask(q); err != nil {
				return 0, 0, err
			}
		}
		calls += callsBetweenClocks
		spent = time.Since(begun)
	}
	return calls, spent, nil
}
