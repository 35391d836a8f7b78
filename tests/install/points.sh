# Test points for the Test Anything Protocol; to be sourced. Sets work, a folder that goes away.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
count=0
failed=0

point() { # NAME COMMAND...
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "ok $count - $name"
    else
        failed=$((failed + 1))
        echo "not ok $count - $name"
        tail -n 25 "$log" | sed 's/^/# /'
        return 1
    fi
}
