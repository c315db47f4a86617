package conf

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

func TestExp(t *testing.T) {
	for _, s := range []string{"\ufeffa=1", "a=1\xff", "a=1\na=2", "[a]\n[a]\n", "[a]\nb=1\n[a.b]\nc=1", "a=1\n[[a]]", "a.b=1\n[a]\n", "a={b=1}\na.c=2\n", "a={b=1,b=2}\n", "a=\n", "a", "a = \"x\ny\"", "[a", "a = 99999999999999999999", "a=1\rb=2", "a=\"\\u0000\"", "a=1e999", "a = tru", "a = 'x", "= 1", "a = [1,\n", "a = 1 b = 2", "a=\"\x00\"", "a=2024-13-01", "a = 0123", "[[a]]\n[a]\n", "a=\"é\xff\"\n", "[a]\nx=1\n[b]\n[a]\ny=2", "a=\"\"\"x\r\ny\"\"\"", "a=[{b=1},{c=2}]\n[[d]]\ne=2024-01-01T00:00:00Z\nf=2024-01-01\ng=10:00:00\nh=nan\ni=-inf", "a=1 # \x01", "a=\"\\ud800\""} {
		var m map[string]any
		err := toml.Unmarshal([]byte(s), &m)
		var de *toml.DecodeError
		if errors.As(err, &de) {
			r, c := de.Position()
			fmt.Printf("%q -> %d:%d %v key=%q\n", s, r, c, err, de.Key())
		} else {
			fmt.Printf("%q -> %v %#v\n", s, err, m)
		}
	}
	for _, n := range []int{1000, 10000, 1 << 20} {
		for _, s := range []string{"a=" + strings.Repeat("[", n), "a=" + strings.Repeat("{a=", n), strings.Repeat("a.", n) + "a=1", "a=" + strings.Repeat("[", n) + strings.Repeat("]", n)} {
			var m map[string]any
			st := time.Now()
			err := toml.Unmarshal([]byte(s), &m)
			e := fmt.Sprint(err)
			fmt.Println(n, s[:10], time.Since(st), e[:min(100, len(e))])
		}
	}
	var p unstable.Parser
	p.KeepComments = false
	p.Reset([]byte("a.\"b c\" . d = 1\n[ x . 'y' ]\nq = {é.z=1, w=[1, {k=2}, \n# c\n [3]]}\n[[t.u]]\nv=1\n"))
	var dump func(n *unstable.Node, in string)
	dump = func(n *unstable.Node, in string) {
		fmt.Println(in, n.Kind, n.Raw, string(n.Data))
		for it := n.Children(); it.Next(); {
			dump(it.Node(), in+"  ")
		}
	}
	for p.NextExpression() {
		dump(p.Expression(), "")
	}
	fmt.Println(p.Error())
}
