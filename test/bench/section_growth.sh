# section_growth.sh: the time per file of a warm scan as the library grows.

section_growth() {
    local n tree files
    local -A per_file
    heading 'growth: LibrePhotos, warm, nothing missing'
    for n in 10000 100000 "$FILES"; do
        files=$n
        tree=$data/tree
        [ "$n" = "$FILES" ] || tree=$data/tree_$n
        make_tree "$tree" "$n"
        if [ "$n" = "$FILES" ]; then grown=librephotos; else grown=librephotos_$n; fi
        make_librephotos "$grown" "$tree" "$n"
        open_session "$grown"
        ask "$SCAN"
        take_turns grown
        per_file[$n]=$(awk -v t="${ms[grown]}" -v n="$n" 'BEGIN { print t * 1000 / n }')
        row "$n files: ${per_file[$n]} us per file" "${ms[grown]}" \
            "$(awk -v p="${per_file[10000]}" -v n="$n" 'BEGIN { print p * n / 1000 }')"
    done
    goal "a file takes at most 1.3 times as long among $FILES as among 10000" \
        "${per_file[$FILES]}" "$(awk -v p="${per_file[10000]}" 'BEGIN { print p * 1.3 }')"
}

time_grown() { ask "$SCAN" && check_scan "$files" 0; }
