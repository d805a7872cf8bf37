package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	// Whole numbers stay whole, as in the objects that Karmada reads from the API server.
	"k8s.io/apimachinery/pkg/util/json"
)

type request struct {
	ID             any                                                `json:"id"`
	Op             configv1alpha1.InterpreterOperation                `json:"op"`
	Object         map[string]any                                     `json:"object"`
	Observed       map[string]any                                     `json:"observed"`
	Replicas       *int64                                             `json:"replicas"`
	Items          []workv1alpha2.AggregatedStatusItem                `json:"items"`
	Customizations []*configv1alpha1.ResourceInterpreterCustomization `json:"customizations"`
}

type answer struct {
	ID      any    `json:"id"`
	Enabled bool   `json:"enabled"`
	Error   string `json:"error,omitempty"`
	Result  any    `json:"result,omitempty"`
}

// answerLines answers line by line. Answers are held back only while more requests are already there.
func answerLines(scripts scripts, requests io.Reader, answers io.Writer) error {
	input := bufio.NewReaderSize(requests, 1<<20)
	output := bufio.NewWriterSize(answers, 1<<20)
	defer output.Flush()
	for {
		line, err := input.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if _, err := output.Write(append(answerLine(scripts, line), '\n')); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if input.Buffered() == 0 {
			if err := output.Flush(); err != nil {
				return err
			}
		}
	}
}

func answerLine(scripts scripts, line []byte) []byte {
	var request request
	if err := json.Unmarshal(line, &request); err != nil {
		return encode(answer{ID: idOf(line), Error: fmt.Sprintf("not a request: %v", err)})
	}
	return encode(request.answer(scripts))
}

// idOf finds the id of what is otherwise no request.
func idOf(line []byte) any {
	var named struct {
		ID any `json:"id"`
	}
	// What is no JSON either has no id.
	_ = json.Unmarshal(line, &named)
	return named.ID
}

func encode(answer answer) []byte {
	encoded, err := json.Marshal(answer)
	if err == nil {
		return encoded
	}
	// Karmada's answer can't be written: the ID came as JSON and can.
	encoded, err = json.Marshal(
		struct {
			ID      any    `json:"id"`
			Enabled bool   `json:"enabled"`
			Error   string `json:"error"`
		}{answer.ID, answer.Enabled, "the answer is no JSON: " + err.Error()})
	if err != nil {
		panic(err)
	}
	return encoded
}

func (r *request) answer(scripts scripts) answer {
	if len(r.Customizations) > 0 {
		scripts.customized = r.Customizations
	}
	interpreters := scripts.interpreters()
	question := r.question()
	switch {
	case r.Object == nil:
		return answer{ID: r.ID, Error: `a request needs "object"`}
	case r.Op == configv1alpha1.InterpreterOperationRetain && r.Observed == nil:
		return answer{ID: r.ID, Error: `Retain needs "observed"`}
	case r.Op == configv1alpha1.InterpreterOperationReviseReplica && r.Replicas == nil:
		return answer{ID: r.ID, Error: `ReviseReplica needs "replicas"`}
	case r.Op == typedOperation:
		written, err := typed(question.object)
		switch {
		case err != nil:
			return answer{ID: r.ID, Enabled: true, Error: err.Error()}
		case written == nil:
			return answer{ID: r.ID}
		}
		return answer{ID: r.ID, Enabled: true, Result: written.Object}
	case !interpreters.enabled(question.object.GroupVersionKind(), r.Op):
		return answer{ID: r.ID}
	}
	result, err := interpreters.ask(question)
	if err != nil {
		return answer{ID: r.ID, Enabled: true, Error: err.Error()}
	}
	return answer{ID: r.ID, Enabled: true, Result: result}
}

func (r *request) question() question {
	question := question{
		operation: r.Op,
		object:    &unstructured.Unstructured{Object: r.Object},
		observed:  &unstructured.Unstructured{Object: r.Observed},
	}
	if len(r.Items) > 0 {
		// A binding without items has nil, as the field is left out.
		question.items = r.Items
	}
	if r.Replicas != nil {
		question.replicas = *r.Replicas
	}
	return question
}
