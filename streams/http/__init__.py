"""HTTP, once for all who need it: a server in a thread of its own, a client for other instances, problems (RFC 9457).

Needs the extra `http`: starlette and uvicorn.
"""
